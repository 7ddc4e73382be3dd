"""The descriptor pool of these messages.

A pool of their own: `tritonclient` brings messages of the same names, and one pool cannot hold both.
"""

from google.protobuf.descriptor_pool import DescriptorPool

POOL = DescriptorPool()
