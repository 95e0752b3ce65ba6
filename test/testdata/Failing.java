import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.channels.SocketChannel;

/** Connects in a way of Java's to a port of the machine's own, and says what came of it. */
public class Failing {
    static void connect(String how, int port) throws Exception {
        InetSocketAddress address = new InetSocketAddress("127.0.0.1", port);
        switch (how) {
            case "socket":
                new Socket().connect(address); // socket
                break;
            case "timeout":
                new Socket().connect(address, 5000); // timeout
                break;
            case "channel":
                SocketChannel.open(address); // channel
                break;
            case "bind":
                new Socket().bind(new InetSocketAddress("203.0.113.1", 0)); // bind
                break;
            case "http":
                HttpClient.newHttpClient().send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/")).build(),
                    HttpResponse.BodyHandlers.ofString());
                break;
            default:
                throw new IllegalArgumentException(how);
        }
    }

    public static void main(String[] args) throws Exception {
        System.out.println("begins");
        try {
            connect(args[0], Integer.parseInt(args[1])); // main
        } catch (java.io.IOException e) {
            System.out.println(e);
            System.exit(3);
        }
    }
}
