BEGIN TRANSACTION;
CREATE TABLE checkpoints (rid integer, ns text, data blob, writes blob, primary key (rid, ns)) strict;
INSERT INTO "checkpoints" VALUES(2,'',X'6370',NULL);
CREATE TABLE effects (
        key text primary key,
        rid integer not null,
        number integer not null,
        status text not null,
        result text
    ) strict
    ;
INSERT INTO "effects" VALUES('pay:17',2,2,'done','"R1"');
CREATE TABLE events (
        key integer primary key,
        kind text not null,
        at real not null,
        body text,
        link blob not null,
        erased blob
    ) strict
    ;
INSERT INTO "events" VALUES(4294967297,'started',1700000000.0,'{"by":"web"}',X'86B47532132697384BADEEB721CDDC16AD4885EEEBA04E53B63DB11A9602DE23',NULL);
INSERT INTO "events" VALUES(4294967298,'step',1700000000.0,'{"n":1}',X'AB1C7F775EAD23EF447CC631D3A6E846A5F86945B0C565624551E1AC7928C676',NULL);
INSERT INTO "events" VALUES(4294967299,'asked',1700000000.0,'{"request":"asks.1"}',X'E1FECE6FF17855A605E7CC0CC9E647E72738FB7EDE9B07C7E88CBE16A25D4A96',NULL);
INSERT INTO "events" VALUES(8589934593,'started',1700000000.0,'{"by":"web"}',X'DE49CEDCE0C07ACF27D466AC051DD6493086CC3C8C59E93AF0D7C6D5A2ECBDA4',NULL);
INSERT INTO "events" VALUES(8589934594,'intent',1700000000.0,'{"slot":"tool"}',X'A79258FE296CED64929E2B5C381023D018AE14544EF66F2DEAA3B54B9983C687',NULL);
INSERT INTO "events" VALUES(8589934595,'result',1700000000.0,'{"slot":"tool"}',X'655DA09D02D92B891982D1230F3785CCABC1C4C65D8B967A94D318DA4DA59B02',NULL);
INSERT INTO "events" VALUES(8589934596,'step',1700000000.0,'{"n":1}',X'F7D95668F48C44A76FDC35D643F868DBCA86B512BEAAEB7133D767CFF4134FCB',NULL);
INSERT INTO "events" VALUES(8589934597,'ended',1700000000.0,'{}',X'B3190006802FF5D9BCF8B072212336176ABCDC1CAD20D3F31798AE50BE6D3C9E',NULL);
INSERT INTO "events" VALUES(12884901889,'started',1700000000.0,'{"by":"web"}',X'7529EC105B057A03343A51DC543ABD5A26BCD0A39A78F493B632B497358CD7E1',NULL);
INSERT INTO "events" VALUES(12884901890,'asked',1700000000.0,'{"request":"never.1"}',X'6F2ABD0EB32E4C8A746222E7BB08AAD81BAE127889B08A2196ABDC53330D8803',NULL);
CREATE TABLE manifests (shape text, build text, data text not null, primary key (shape, build)) strict;
INSERT INTO "manifests" VALUES('s','b','{"flow":"desk"}');
CREATE TABLE requests (
        id text primary key,
        rid integer not null,
        status text not null,
        role text not null,
        due real,
        digest text not null,
        body text not null
    ) strict
    ;
INSERT INTO "requests" VALUES('asks.1',1,'open','lead',1700086400.0,'d','{"asked":1700000000.0,"shows":"ß"}');
INSERT INTO "requests" VALUES('never.1',3,'open','lead',NULL,'d','{}');
CREATE TABLE runs (
        rid integer primary key autoincrement,
        id text not null unique,
        flow text not null,
        shape text not null,
        build text not null,
        status text not null,
        verdict text,
        ending text,
        starter text,
        tags text not null,
        created real not null,
        updated real not null,
        error text,
        fence integer not null,
        dead_from integer not null,
        holder text,
        until real,
        ticks real,
        ttl real
    ) strict
    ;
INSERT INTO "runs" VALUES(1,'asks','desk','s','b','waiting',NULL,NULL,'web','["old"]',1700000000.0,1700000000.0,NULL,1,1,NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES(2,'paid','desk','s','b','ended','success','answered','web','["old"]',1700000000.0,1700000000.0,NULL,1,1,NULL,NULL,NULL,NULL);
INSERT INTO "runs" VALUES(3,'never','desk','s','b','waiting',NULL,NULL,'web','["old"]',1700000000.0,1700000000.0,NULL,1,1,NULL,NULL,NULL,NULL);
CREATE INDEX runs_by_status on runs (status, rid);
CREATE INDEX requests_by_run on requests (rid);
CREATE INDEX requests_open on requests (due) where status = 'open';
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('runs',3);
COMMIT;