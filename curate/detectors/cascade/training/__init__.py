"""How weights.npz is made: videos whose truth is exact are made of real takes, and the networks learn from them."""
