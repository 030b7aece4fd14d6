"""The bundled AI framework. Useful alone; computes with `kernels`, knows nothing of the site."""
