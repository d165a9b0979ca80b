package interop;

import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.thrift.transport.TSSLTransportFactory;
import org.apache.thrift.transport.TSSLTransportFactory.TSSLTransportParameters;
import org.apache.thrift.transport.TServerSocket;
import org.apache.thrift.transport.TSocket;
import org.apache.thrift.transport.TTransportException;

/** Sockets, plain or with the certificates in the folder that --tls names. */
final class Tls {
  private static final String PASSWORD = "interop";
  private static final String TYPE = "PKCS12";

  private Tls() {}

  /** An open socket. */
  static TSocket connect(Form form, int timeoutMs) throws Exception {
    String folder = form.value("--tls", null);
    if (folder == null) {
      TSocket socket = new TSocket(form.host(), form.port(), timeoutMs);
      socket.open();
      return socket;
    }
    return TSSLTransportFactory.getClientSocket(
        form.host(), form.port(), timeoutMs, parameters(Path.of(folder)));
  }

  static TServerSocket listen(Form form, InetSocketAddress address) throws TTransportException {
    String folder = form.value("--tls", null);
    if (folder == null) {
      return new TServerSocket(address);
    }
    TSSLTransportParameters parameters = parameters(Path.of(folder));
    parameters.requireClientAuth(Files.exists(Path.of(folder, "trust.p12")));
    return TSSLTransportFactory.getServerSocket(
        address.getPort(), 0, address.getAddress(), parameters);
  }

  /** What is in the folder; a party need not have all of it. */
  private static TSSLTransportParameters parameters(Path folder) {
    TSSLTransportParameters parameters = new TSSLTransportParameters();
    Path own = folder.resolve("own.p12");
    if (Files.exists(own)) {
      parameters.setKeyStore(own.toString(), PASSWORD, null, TYPE);
    }
    Path trusted = folder.resolve("trust.p12");
    if (Files.exists(trusted)) {
      parameters.setTrustStore(trusted.toString(), PASSWORD, null, TYPE);
    }
    return parameters;
  }
}
