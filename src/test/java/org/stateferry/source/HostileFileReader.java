package org.stateferry.source;

import java.nio.file.Path;
import org.stateferry.error.StateferryException;
import org.stateferry.testing.Dumps;

/** Looks into a file and reads it through, in a process of its own whose memory is small. */
final class HostileFileReader {
    private HostileFileReader() {}

    public static void main(String[] arguments) {
        Path file = Path.of(arguments[0]);
        try {
            System.out.println(DumpInspection.inspect(file).getClass().getSimpleName());
        } catch (StateferryException e) {
            System.out.println(e.kind());
        }
        try {
            System.out.println("read, unchecked " + Dumps.readThrough(file));
        } catch (StateferryException e) {
            System.out.println(e.kind() + " " + e.problem());
        }
    }
}
