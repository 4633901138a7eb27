package org.stateferry.cli.output;

import java.io.BufferedOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.stateferry.error.ForeignText;
import org.stateferry.repository.JsonText;

/**
 * Where a command prints: data to {@code out}, everything said to a person to {@code err}. Every line goes through a method
 * here, which escapes what names and paths in it could do to a terminal.
 *
 * @param out standard output
 * @param err standard error
 * @param errIsTerminal whether lines on {@code err} can be redrawn
 */
public record Console(PrintStream out, PrintStream err, boolean errIsTerminal) {
    private static final int OUT_BUFFER_SIZE = 64 << 10;

    /** The process's own streams; both are UTF-8, whatever the locale. Data is buffered: see {@link #flush}. */
    public static Console ofProcess() {
        PrintStream err = new PrintStream(System.err, true, StandardCharsets.UTF_8);
        return new Console(new BufferedData(System.out), err, TerminalDetection.stderrIsTerminal());
    }

    /** A print stream keeps to itself what went wrong below it, so both are asked. */
    private static final class BufferedData extends PrintStream {
        private final PrintStream target;

        private BufferedData(PrintStream target) {
            super(new BufferedOutputStream(target, OUT_BUFFER_SIZE), false, StandardCharsets.UTF_8);
            this.target = target;
        }

        @Override
        public boolean checkError() {
            return super.checkError() | target.checkError();
        }
    }

    /** Prints a line of data for a person. */
    public void print(String line) {
        out.print(ForeignText.escape(line));
        out.print('\n');
    }

    /** Prints a line of data for a program: the value as JSON. It is written piece by piece. */
    public void printJson(Object value) {
        try {
            JsonText.write(value, out);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // a print stream throws none
        }
        out.print('\n');
    }

    /** Standard output for what is no text. A write fails with what went wrong below, or by the next one. */
    public OutputStream dataOutput() {
        return new FilterOutputStream(out) {
            @Override
            public void write(byte[] bytes, int start, int size) throws IOException {
                out.write(bytes, start, size);
                flush();
            }

            @Override
            public void flush() throws IOException {
                if (Console.this.out.checkError()) {
                    throw new IOException("whoever reads it takes no more");
                }
            }
        };
    }

    /** Prints one line to a person, with our name in front. */
    public void say(String line) {
        err.println("stateferry: " + ForeignText.escape(line));
    }

    /** Prints a line that belongs to the one before it. */
    public void sayMore(String line) {
        err.println("  " + ForeignText.escape(line));
    }

    /** Hands all data on. Returns whether all of it, from the beginning, has arrived. */
    public boolean flush() {
        return !out.checkError();
    }
}
