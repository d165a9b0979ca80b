package interop;

import java.net.InetSocketAddress;
import org.apache.thrift.TMultiplexedProcessor;
import org.apache.thrift.TProcessor;
import org.apache.thrift.server.THsHaServer;
import org.apache.thrift.server.TNonblockingServer;
import org.apache.thrift.server.TServer;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.server.TThreadedSelectorServer;
import org.apache.thrift.transport.TNonblockingServerSocket;
import suite.Second;
import suite.Suite;

/** Serves the suite; prints `ready` when it listens. */
public final class Server {
  public static void main(String[] args) throws Exception {
    Form form = new Form(args);
    TProcessor services = Untyped.before(new Suite.Processor<Suite.Iface>(new Handler()));
    TMultiplexedProcessor processor = new TMultiplexedProcessor();
    processor.registerDefault(services);
    processor.registerProcessor("Suite", services);
    processor.registerProcessor("Second", new Second.Processor<Second.Iface>(() -> "second"));

    InetSocketAddress address = new InetSocketAddress(form.host(), form.port());
    TServer server =
        switch (form.value("--kind", "pool")) {
          case "pool" ->
              new TThreadPoolServer(
                  new TThreadPoolServer.Args(Tls.listen(form, address))
                      .processor(processor)
                      .transportFactory(form.transports())
                      .protocolFactory(form.protocols()));
          // The others take framed messages only.
          case "selector" ->
              new TThreadedSelectorServer(
                  new TThreadedSelectorServer.Args(new TNonblockingServerSocket(address))
                      .processor(processor)
                      .protocolFactory(form.protocols()));
          case "hsha" ->
              new THsHaServer(
                  new THsHaServer.Args(new TNonblockingServerSocket(address))
                      .processor(processor)
                      .protocolFactory(form.protocols()));
          case "nonblocking" ->
              new TNonblockingServer(
                  new TNonblockingServer.Args(new TNonblockingServerSocket(address))
                      .processor(processor)
                      .protocolFactory(form.protocols()));
          default ->
              throw new IllegalArgumentException("--kind pool|selector|hsha|nonblocking");
        };
    System.out.println("ready");
    server.serve();
  }
}
