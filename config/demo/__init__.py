"""The demo: two bounties on real data, and the people who take part in them."""
