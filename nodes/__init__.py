"""Steps of work: signatures to reads and writes, the execution of one node, models, prices, error categories."""
