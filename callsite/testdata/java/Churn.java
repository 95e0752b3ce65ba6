import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;

/** Waits in read(0) while other threads start and end without pause. */
public class Churn {
    public static void main(String[] args) throws IOException {
        for (int i = 0; i < 3; i++) {
            Thread starter = new Thread(() -> {
                try {
                    for (;;) {
                        Thread thread = new Thread(() -> { });
                        thread.start();
                        thread.join();
                    }
                } catch (InterruptedException e) {
                    return;
                }
            });
            starter.setDaemon(true);
            starter.start();
        }
        new FileInputStream(FileDescriptor.in).read(); // frame 0
    }
}
