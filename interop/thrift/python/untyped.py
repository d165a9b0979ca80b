"""Structs of any kind, without generated code: the compiler knows no uuid yet.

A struct is a list of (id, type, value), a map (key type, value type, pairs), and
a list or set (type, values).
"""

import uuid

from thrift.Thrift import TMessageType, TType

METHOD = "echoUntyped"

SCALARS = {
    TType.BOOL: "Bool",
    TType.BYTE: "Byte",
    TType.I16: "I16",
    TType.I32: "I32",
    TType.I64: "I64",
    TType.DOUBLE: "Double",
    TType.STRING: "Binary",
    TType.UUID: "Uuid",
}

ONE = uuid.UUID("00112233-4455-6677-8899-aabbccddeeff")
TWO = uuid.UUID(bytes=b"\xff\x80\x01\0" * 4)
UUIDS = [
    (1, TType.UUID, ONE),
    (900, TType.STRUCT, [(1, TType.UUID, TWO), (2, TType.BOOL, True)]),
    (901, TType.BOOL, False),
]
UUID_CONTAINERS = [
    (1, TType.LIST, (TType.UUID, [TWO, ONE, TWO])),
    (2, TType.SET, (TType.UUID, [ONE])),
    (3, TType.MAP, (TType.STRING, TType.UUID, [(b"one", ONE), (b"two", TWO)])),
]

# Each field of a type of its own, and some further away than others.
FIELDS = [
    [
        (30 * i + 1, TType.BOOL, i % 3 == 0),
        (30 * i + 2, TType.I32, i * i - 5000),
        (30 * i + 4, TType.STRING, b"x" * i),
        (30 * i + 30, TType.LIST, (TType.BOOL, [True, i % 2 == 0])),
    ][j]
    for i in range(250)
    for j in range(4)
]


def read(protocol, kind=TType.STRUCT):
    if kind in SCALARS:
        return getattr(protocol, f"read{SCALARS[kind]}")()
    if kind == TType.STRUCT:
        fields = []
        protocol.readStructBegin()
        while (field := protocol.readFieldBegin())[1] != TType.STOP:
            _, kind, id = field
            fields.append((id, kind, read(protocol, kind)))
            protocol.readFieldEnd()
        protocol.readStructEnd()
        return fields
    if kind == TType.MAP:
        key, value, size = protocol.readMapBegin()
        pairs = [(read(protocol, key), read(protocol, value)) for _ in range(size)]
        protocol.readMapEnd()
        return key, value, pairs
    name = {TType.LIST: "List", TType.SET: "Set"}[kind]
    element, size = getattr(protocol, f"read{name}Begin")()
    elements = [read(protocol, element) for _ in range(size)]
    getattr(protocol, f"read{name}End")()
    return element, elements


def write(protocol, value, kind=TType.STRUCT):
    if kind in SCALARS:
        getattr(protocol, f"write{SCALARS[kind]}")(value)
    elif kind == TType.STRUCT:
        protocol.writeStructBegin("")
        for id, kind, of in value:
            protocol.writeFieldBegin("", kind, id)
            write(protocol, of, kind)
            protocol.writeFieldEnd()
        protocol.writeFieldStop()
        protocol.writeStructEnd()
    elif kind == TType.MAP:
        key, of, pairs = value
        protocol.writeMapBegin(key, of, len(pairs))
        for pair in pairs:
            write(protocol, pair[0], key)
            write(protocol, pair[1], of)
        protocol.writeMapEnd()
    else:
        name = {TType.LIST: "List", TType.SET: "Set"}[kind]
        element, elements = value
        getattr(protocol, f"write{name}Begin")(element, len(elements))
        for each in elements:
            write(protocol, each, element)
        getattr(protocol, f"write{name}End")()


def send(protocol, kind, seqid, body):
    protocol.writeMessageBegin(METHOD, kind, seqid)
    write(protocol, body)
    protocol.writeMessageEnd()
    protocol.trans.flush()


def echo(protocol, value):
    """A call, by the client."""
    send(protocol, TMessageType.CALL, 0, [(1, TType.STRUCT, value)])
    name, kind, _ = protocol.readMessageBegin()
    assert (name, kind) == (METHOD, TMessageType.REPLY), f"got {name} of type {kind}"
    [(id, _, returned)] = read(protocol)
    protocol.readMessageEnd()
    assert id == 0, f"field {id} is not the result"
    return returned


def process(_, seqid, iprot, oprot):
    """The method, for the map of a generated processor."""
    [(_, _, value)] = read(iprot)
    iprot.readMessageEnd()
    send(oprot, TMessageType.REPLY, seqid, [(0, TType.STRUCT, value)])
