"""Penstock: a QoS traffic-routing inference proxy. Start reading at `proxy/pipeline.py`."""
