package acme.net;

import java.io.FileDescriptor;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.function.Supplier;

/** Waits in read(0), by way of the frames whose lines are marked with their numbers from the innermost. */
public class Stacks {
    static int leaf(InputStream in) throws IOException {
        int x = 3;
        return x +
            in.read(); // frame 0
    }

    static int middle(InputStream in) throws IOException {
        return leaf(in) + 1; // frame 1
    }

    static int outer(InputStream in, int times) throws IOException {
        int sum = 0;
        for (int i = 0; i < times; i++) {
            sum += middle(in); // frame 2
        }
        return sum;
    }

    int deeper(InputStream in, int depth, int times) {
        if (depth > 0) {
            return deeper(in, depth - 1, times); // frame 4
        }
        try {
            return outer(in, times); // frame 3
        } catch (IOException e) {
            throw new RuntimeException(e);
        }
    }

    public static void main(String[] args) throws Exception {
        FileInputStream zero = new FileInputStream("/dev/zero");
        FileInputStream stdin = new FileInputStream(FileDescriptor.in);
        int hot = Integer.parseInt(args[0]);
        for (int i = 0; i < hot; i++) {
            new Stacks().deeper(zero, 1, 10);
        }
        Supplier<Integer> last = () -> new Stacks().deeper(stdin, 1, 1); // frame 5
        if (args.length > 1) {
            Thread thread = (Thread) Thread.class.getMethod("startVirtualThread", Runnable.class).invoke(null, (Runnable) last::get);
            thread.join();
            return;
        }
        last.get(); // frame 6
    }
}
