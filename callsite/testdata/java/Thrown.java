import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;

/** Waits in read(0) in methods that were compiled for the one class there is; then there is another. */
public class Thrown {
    abstract static class Base {
        abstract int more(int x);
    }

    static class Only extends Base {
        int more(int x) {
            return x + 1;
        }
    }

    static class Late extends Base {
        int more(int x) {
            return x + 2;
        }
    }

    static Base base = new Only();

    static int inner(InputStream in) throws IOException {
        int x = in.read(); // frame 0
        return base.more(x);
    }

    static int outer(InputStream in, int n) throws IOException {
        int sum = 0;
        for (int i = 0; i < n; i++) {
            sum = base.more(sum)
                + inner(in); // frame 1
        }
        return sum;
    }

    public static void main(String[] args) throws Exception {
        FileInputStream zero = new FileInputStream("/dev/zero");
        for (int i = 0; i < 20000; i++) {
            outer(zero, 10);
        }
        Thread main = Thread.currentThread();
        Thread late = new Thread(() -> {
            while (main.getStackTrace()[0].getMethodName().indexOf("read") != 0) {
                Thread.yield();
            }
            try {
                Thread.sleep(300);
                Class.forName("Thrown$Late"); // by name: the verifier would load it with this class
            } catch (ReflectiveOperationException | InterruptedException e) {
                throw new RuntimeException(e);
            }
        });
        late.setDaemon(true);
        late.start();
        outer(new FileInputStream(FileDescriptor.in), 1); // frame 2
    }
}
