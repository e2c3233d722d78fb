"""What tokens cost, by the price list of genai-prices."""

from __future__ import annotations

from datetime import UTC, datetime


def usd(model: str, input_tokens: int, output_tokens: int, *, provider: str | None = None) -> float | None:
    """Dollars for a model call made now; None where the price list does not know the model.

    Args:
        model: the model's name, as the provider has it.
        input_tokens: tokens of the prompt.
        output_tokens: tokens of the answer.
        provider: the provider's id, where it is known.
    """
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    for known in dict.fromkeys((provider, None)):
        try:
            found = calc_price(usage, model, provider_id=known, genai_request_timestamp=datetime.now(UTC))
        except LookupError:
            continue
        return float(found.total_price)
    return None
