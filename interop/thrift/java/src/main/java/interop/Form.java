package interop;

import java.util.Arrays;
import java.util.List;
import org.apache.thrift.protocol.TBinaryProtocol;
import org.apache.thrift.protocol.TCompactProtocol;
import org.apache.thrift.protocol.TJSONProtocol;
import org.apache.thrift.protocol.TProtocolFactory;
import org.apache.thrift.transport.TTransportFactory;
import org.apache.thrift.transport.layered.TFramedTransport;

/** The command line: where to, and by which transport and protocol. */
record Form(List<String> args) {
  Form(String[] args) {
    this(Arrays.asList(args));
  }

  String host() {
    return value("--host", "127.0.0.1");
  }

  int port() {
    return Integer.parseInt(value("--port", null));
  }

  /** A plain socket transport buffers by itself. */
  TTransportFactory transports() {
    return switch (value("--transport", null)) {
      case "framed" -> new TFramedTransport.Factory();
      case "buffered" -> new TTransportFactory();
      default -> throw new IllegalArgumentException("--transport framed|buffered");
    };
  }

  TProtocolFactory protocols() {
    return switch (value("--protocol", null)) {
      case "binary" -> new TBinaryProtocol.Factory();
      case "compact" -> new TCompactProtocol.Factory();
      case "json" -> new TJSONProtocol.Factory();
      default -> throw new IllegalArgumentException("--protocol binary|compact|json");
    };
  }

  String value(String flag, String otherwise) {
    int at = args.indexOf(flag);
    return at < 0 ? otherwise : args.get(at + 1);
  }
}
