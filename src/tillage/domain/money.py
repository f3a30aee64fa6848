"""Money is an integer of minor units plus a currency; text at the edges, never a float.

Source: ISO 4217, list one (active codes and their minor units).
"""

from __future__ import annotations

import difflib
from decimal import Decimal

_TWO_DECIMALS = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW "
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR "
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV "
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD "
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG"
)
_OTHER_DECIMALS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENT = dict.fromkeys(_TWO_DECIMALS.split(), 2) | {
    code: exponent for exponent, codes in _OTHER_DECIMALS.items() for code in codes.split()
}


def exponent(currency: str) -> int:
    """How many decimals one unit of `currency` has: 2 for EUR, 0 for JPY, 3 for KWD.

    Raises:
        ValueError: no active ISO 4217 code; the message names the nearest one.
    """
    try:
        return _EXPONENT[currency]
    except KeyError:
        near = difflib.get_close_matches(currency.upper(), _EXPONENT, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"not an active ISO 4217 currency code{hint}") from None


def by_exponent() -> list[tuple[int, tuple[str, ...]]]:
    """All active codes by their decimals."""
    return [(wanted, tuple(code for code, found in _EXPONENT.items() if found == wanted)) for wanted in (0, 2, 3, 4)]


def to_major(minor: int, currency: str) -> Decimal:
    """`minor` units as an exact decimal with all decimals of the currency: 8977 EUR is Decimal('89.77')."""
    return Decimal(f"{minor}E-{exponent(currency)}")  # arithmetic would round beyond the context's 28 digits


def show(minor: int | Decimal | None, currency: str | None) -> str:
    """For people: thousands separated, with the currency; a count has none."""
    if minor is None:
        return "-"
    if currency is None:
        return f"{minor:,}"
    return f"{to_major(int(minor), currency):,f} {currency}"
