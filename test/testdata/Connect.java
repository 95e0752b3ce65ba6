import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;

/**
 * Fetches a page over a connection made by the four-argument Socket.
 *
 * <p>Connect.java ADDRESS PORT [SOURCE SOURCE-PORT]; the source "any" is null, which Java binds to the wildcard address.
 */
class Connect {
  public static void main(String[] args) throws IOException {
    InetAddress address = InetAddress.getByName(args[0]);
    int port = Integer.parseInt(args[1]);
    try (Socket socket = args.length == 2 ? new Socket(address, port) : from(address, port, args[2], args[3])) {
      System.out.println("local " + socket.getLocalAddress().getHostAddress() + " " + socket.getLocalPort());
      socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes());
      socket.getInputStream().transferTo(System.out);
    } catch (IOException e) {
      System.err.println("java: " + e);
      System.exit(1);
    }
  }

  private static Socket from(InetAddress address, int port, String source, String sourcePort) throws IOException {
    InetAddress local = source.equals("any") ? null : InetAddress.getByName(source);
    return new Socket(address, port, local, Integer.parseInt(sourcePort));
  }
}
