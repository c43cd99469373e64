// Runs Kafka's command-line tools one after another in this JVM, since a JVM for each would take most of the time.
//
// A command is a line of tab-separated fields: MAIN-CLASS STDIN-FILE STDOUT-FILE STDERR-FILE ARGUMENT...
// The answer is `ok` and the exit code.
// By hand: java -cp 'CLASSES:JARS/*' Tools, then type a line.

import java.io.BufferedOutputStream;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

class Tools {
    /** Ends a tool that calls exit. Only its first call counts: some catch this, like any error, and exit again. */
    static class Exited extends RuntimeException {
        Exited() {
            super(null, null, false, false);
        }
    }

    /** Stays System.out or System.err for good, since Scala's println keeps the ones that it saw first. */
    static class Switch extends OutputStream {
        OutputStream target = OutputStream.nullOutputStream();

        @Override
        public void write(int b) throws IOException {
            target.write(b);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            target.write(bytes, offset, length);
        }
    }

    static final Switch out = new Switch();
    static final Switch err = new Switch();
    static Integer exitCode;
    static final List<Runnable> hooks = new ArrayList<>();

    public static void main(String[] args) throws Exception {
        Exit.setExitProcedure((code, message) -> exit(code));
        Exit.setHaltProcedure((code, message) -> exit(code));
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        PrintStream answers = System.out;
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        var commands = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = commands.readLine()) != null; ) {
            String[] field = line.split("\t");
            String[] rest = Arrays.copyOfRange(field, 4, field.length);
            answers.println("ok\t" + run(field[0], field[1], field[2], field[3], rest));
        }
    }

    static void exit(int code) {
        if (exitCode == null) {
            exitCode = code;
        }
        throw new Exited();
    }

    static int run(String tool, String stdin, String stdout, String stderr, String[] args) throws Exception {
        exitCode = null;
        hooks.clear();
        try (var input = new FileInputStream(stdin);
                var output = new BufferedOutputStream(new FileOutputStream(stdout));
                var errors = new FileOutputStream(stderr)) {
            System.setIn(input);
            out.target = output;
            err.target = errors;
            try {
                Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
            } catch (InvocationTargetException thrown) {
                if (exitCode == null) {
                    thrown.getCause().printStackTrace();
                    exitCode = 1;
                }
            }
            hooks.forEach(Runnable::run); // they close what would close at the end of a JVM of its own
        } finally {
            out.target = OutputStream.nullOutputStream();
            err.target = OutputStream.nullOutputStream();
        }
        return exitCode == null ? 0 : exitCode;
    }
}
