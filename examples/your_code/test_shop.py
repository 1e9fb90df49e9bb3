"""What the shop promises, tested through an outage: twenty virtual seconds in a blink."""

import shop
import shop_async


def test_an_outage_costs_few_payments_and_doubles_none(wind_tunnel):
    result = wind_tunnel("outage.yaml").run(shop.checkout)
    assert result.availability > 0.85
    assert result.duplicates == 0
    assert result.p99 < 5


def test_both_do_what_the_stack_says(wind_tunnel):
    tunnel = wind_tunnel("outage.yaml")
    tunnel.same_as(call=shop.checkout)
    tunnel.same_as(call=shop_async.checkout)
