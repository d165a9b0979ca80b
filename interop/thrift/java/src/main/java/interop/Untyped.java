package interop;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.thrift.TException;
import org.apache.thrift.TProcessor;
import org.apache.thrift.protocol.TField;
import org.apache.thrift.protocol.TList;
import org.apache.thrift.protocol.TMap;
import org.apache.thrift.protocol.TMessage;
import org.apache.thrift.protocol.TMessageType;
import org.apache.thrift.protocol.TProtocol;
import org.apache.thrift.protocol.TProtocolDecorator;
import org.apache.thrift.protocol.TSet;
import org.apache.thrift.protocol.TStruct;
import org.apache.thrift.protocol.TType;

/** Structs of any kind, without generated code: the compiler knows no uuid yet. */
final class Untyped {
  private static final String METHOD = "echoUntyped";

  /** Whatever Thrift has a type for; a string is a ByteBuffer. */
  record Value(byte type, Object value) {}

  record Struct(List<Field> fields) {}

  record Field(int id, Value value) {}

  /** A list or a set. */
  record Items(byte element, List<Object> items) {}

  /** Keys and values in turn. */
  record Entries(byte key, byte value, List<Object> all) {}

  private Untyped() {}

  static Struct echo(TProtocol protocol, Struct argument) throws TException {
    send(protocol, TMessageType.CALL, 0, new Field(1, new Value(TType.STRUCT, argument)));
    TMessage reply = protocol.readMessageBegin();
    if (reply.type != TMessageType.REPLY || !reply.name.equals(METHOD)) {
      throw new AssertionError("got " + reply);
    }
    return receive(protocol);
  }

  /** The server's side, before a processor that knows no such method. */
  static TProcessor before(TProcessor next) {
    return (in, out) -> {
      TMessage call = in.readMessageBegin();
      if (call.name.equals(METHOD)) {
        Struct argument = receive(in);
        send(out, TMessageType.REPLY, call.seqid, new Field(0, new Value(TType.STRUCT, argument)));
      } else {
        next.process(new Begun(in, call), out);
      }
    };
  }

  /** A protocol whose message begin has been read. */
  private static final class Begun extends TProtocolDecorator {
    private final TMessage begin;

    Begun(TProtocol protocol, TMessage begin) {
      super(protocol);
      this.begin = begin;
    }

    @Override
    public TMessage readMessageBegin() {
      return begin;
    }
  }

  private static void send(TProtocol protocol, byte type, int id, Field body) throws TException {
    protocol.writeMessageBegin(new TMessage(METHOD, type, id));
    write(protocol, TType.STRUCT, new Struct(List.of(body)));
    protocol.writeMessageEnd();
    protocol.getTransport().flush();
  }

  private static Struct receive(TProtocol protocol) throws TException {
    Struct body = (Struct) read(protocol, TType.STRUCT);
    protocol.readMessageEnd();
    return (Struct) body.fields().get(0).value().value();
  }

  private static Object read(TProtocol p, byte type) throws TException {
    return switch (type) {
      case TType.BOOL -> p.readBool();
      case TType.BYTE -> p.readByte();
      case TType.I16 -> p.readI16();
      case TType.I32 -> p.readI32();
      case TType.I64 -> p.readI64();
      case TType.DOUBLE -> p.readDouble();
      case TType.STRING -> p.readBinary();
      case TType.UUID -> p.readUuid();
      case TType.STRUCT -> readStruct(p);
      case TType.LIST -> {
        TList begin = p.readListBegin();
        Items items = new Items(begin.elemType, readAll(p, begin.size, begin.elemType));
        p.readListEnd();
        yield items;
      }
      case TType.SET -> {
        TSet begin = p.readSetBegin();
        Items items = new Items(begin.elemType, readAll(p, begin.size, begin.elemType));
        p.readSetEnd();
        yield items;
      }
      case TType.MAP -> {
        TMap begin = p.readMapBegin();
        List<Object> all = readAll(p, begin.size, begin.keyType, begin.valueType);
        p.readMapEnd();
        yield new Entries(begin.keyType, begin.valueType, all);
      }
      default -> throw new TException("type " + type);
    };
  }

  private static Struct readStruct(TProtocol p) throws TException {
    List<Field> fields = new ArrayList<>();
    p.readStructBegin();
    for (TField f = p.readFieldBegin(); f.type != TType.STOP; f = p.readFieldBegin()) {
      fields.add(new Field(f.id, new Value(f.type, read(p, f.type))));
      p.readFieldEnd();
    }
    p.readStructEnd();
    return new Struct(fields);
  }

  private static List<Object> readAll(TProtocol p, int times, byte... types) throws TException {
    List<Object> all = new ArrayList<>();
    for (int i = 0; i < times; i++) {
      for (byte type : types) {
        all.add(read(p, type));
      }
    }
    return all;
  }

  private static void write(TProtocol p, byte type, Object value) throws TException {
    switch (type) {
      case TType.BOOL -> p.writeBool((Boolean) value);
      case TType.BYTE -> p.writeByte((Byte) value);
      case TType.I16 -> p.writeI16((Short) value);
      case TType.I32 -> p.writeI32((Integer) value);
      case TType.I64 -> p.writeI64((Long) value);
      case TType.DOUBLE -> p.writeDouble((Double) value);
      case TType.STRING -> p.writeBinary(((ByteBuffer) value).duplicate());
      case TType.UUID -> p.writeUuid((UUID) value);
      case TType.STRUCT -> {
        p.writeStructBegin(new TStruct());
        for (Field field : ((Struct) value).fields()) {
          p.writeFieldBegin(new TField("", field.value().type(), (short) field.id()));
          write(p, field.value().type(), field.value().value());
          p.writeFieldEnd();
        }
        p.writeFieldStop();
        p.writeStructEnd();
      }
      case TType.LIST -> {
        Items list = (Items) value;
        p.writeListBegin(new TList(list.element(), list.items().size()));
        writeAll(p, list.items(), list.element());
        p.writeListEnd();
      }
      case TType.SET -> {
        Items set = (Items) value;
        p.writeSetBegin(new TSet(set.element(), set.items().size()));
        writeAll(p, set.items(), set.element());
        p.writeSetEnd();
      }
      case TType.MAP -> {
        Entries map = (Entries) value;
        p.writeMapBegin(new TMap(map.key(), map.value(), map.all().size() / 2));
        writeAll(p, map.all(), map.key(), map.value());
        p.writeMapEnd();
      }
      default -> throw new TException("type " + type);
    }
  }

  private static void writeAll(TProtocol p, List<Object> all, byte... types) throws TException {
    for (int i = 0; i < all.size(); i++) {
      write(p, types[i % types.length], all.get(i));
    }
  }
}
