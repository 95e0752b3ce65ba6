import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.ArrayList;
import java.util.List;

/** Fails to connect from many threads at different depths, while methods are compiled and memory is collected. */
public class Storm {
    static void connect() {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress("127.0.0.1", 2));
        } catch (IOException e) {
            return;
        }
    }

    static byte[] waste() {
        connect();
        return new byte[100000];
    }

    static int deeper(int depth) {
        return depth == 0 ? waste().length : deeper(depth - 1) + 1;
    }

    public static void main(String[] args) throws Exception {
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 6; i++) {
            int depth = i;
            Thread thread = new Thread(() -> {
                for (int j = 0; j < 500; j++) {
                    deeper(depth);
                }
            });
            thread.start();
            threads.add(thread);
        }
        for (Thread thread : threads) {
            thread.join();
        }
    }
}
