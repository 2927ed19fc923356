"""Engines behind `model.captioner.Captioner`."""
