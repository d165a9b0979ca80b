"""The suite through those of thriftpy2's transports and protocols that are in Python."""

import with_thriftpy2
from thriftpy2.protocol.binary import TBinaryProtocolFactory
from thriftpy2.transport.buffered import TBufferedTransportFactory
from thriftpy2.transport.framed import TFramedTransportFactory
from with_thriftpy2 import *  # noqa: F403

with_thriftpy2.TRANSPORTS |= {
    "framed": TFramedTransportFactory,
    "buffered": TBufferedTransportFactory,
}
with_thriftpy2.PROTOCOLS["binary"] = TBinaryProtocolFactory
