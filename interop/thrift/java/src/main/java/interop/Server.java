package interop;

import java.net.InetSocketAddress;
import org.apache.thrift.TMultiplexedProcessor;
import org.apache.thrift.server.TServer;
import org.apache.thrift.server.TThreadPoolServer;
import org.apache.thrift.server.TThreadedSelectorServer;
import org.apache.thrift.transport.TNonblockingServerSocket;
import org.apache.thrift.transport.TServerSocket;
import suite.Second;
import suite.Suite;

/** Serves the suite; prints `ready` when it listens. */
public final class Server {
  public static void main(String[] args) throws Exception {
    Form form = new Form(args);
    Suite.Iface handler = new Handler();
    TMultiplexedProcessor processor = new TMultiplexedProcessor();
    processor.registerDefault(new Suite.Processor<>(handler));
    processor.registerProcessor("Suite", new Suite.Processor<>(handler));
    processor.registerProcessor("Second", new Second.Processor<Second.Iface>(() -> "second"));

    TServer server = form.has("--nonblocking") ? nonblocking(form, processor) : threaded(form, processor);
    System.out.println("ready");
    server.serve();
  }

  private static TServer threaded(Form form, TMultiplexedProcessor processor) throws Exception {
    InetSocketAddress address = new InetSocketAddress(form.host(), form.port());
    return new TThreadPoolServer(
        new TThreadPoolServer.Args(new TServerSocket(address))
            .processor(processor)
            .transportFactory(form.transports())
            .protocolFactory(form.protocols()));
  }

  private static TServer nonblocking(Form form, TMultiplexedProcessor processor) throws Exception {
    InetSocketAddress address = new InetSocketAddress(form.host(), form.port());
    return new TThreadedSelectorServer(
        new TThreadedSelectorServer.Args(new TNonblockingServerSocket(address))
            .processor(processor)
            .protocolFactory(form.protocols()));
  }
}
