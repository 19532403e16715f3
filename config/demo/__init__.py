"""The demo: bounties and audits on real data, and the people who take part in them."""
