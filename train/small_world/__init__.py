"""Networks of Tarsier's architectures small enough to train on a laptop, for worlds that media.synthetic films."""
