package org.stateferry.testing;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Command lines of other JVMs, for what a test must not have done to its own. */
public final class OtherJvm {
    private OtherJvm() {}

    /** One with this JVM's class path, quick to start. */
    public static List<String> command(Class<?> program, Object... arguments) {
        return command(List.of(), program, arguments);
    }

    /** One with such a heap as well, for example {@code 128m}. */
    public static List<String> withHeap(String size, Class<?> program, Object... arguments) {
        return command(List.of("-Xmx" + size, "-XX:+UseSerialGC"), program, arguments);
    }

    /** One with further options of the JVM. */
    public static List<String> command(List<String> options, Class<?> program, Object... arguments) {
        List<String> command = new ArrayList<>(List.of(
                java(),
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path").replaceAll(File.pathSeparator + "+$", "")));
        command.addAll(options);
        command.add(program.getName());
        for (Object argument : arguments) {
            command.add(argument.toString());
        }
        return command;
    }

    /** The path of the program {@code java} that runs this test. */
    public static String java() {
        return Path.of(System.getProperty("java.home"), "bin", "java").toString();
    }
}
