package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.stateferry.cli.output.Console;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StateferryHome;
import org.stateferry.installation.Installation;
import org.stateferry.installation.LocalInstallation;
import org.stateferry.testing.OtherJvm;
import org.stateferry.testing.Sampled;
import org.stateferry.testing.Thorough;

/** What only a process of its own can show. */
class ProcessTest {
    private static final long DEADLINE_SECONDS = 60;

    @TempDir
    Path home;

    @Sampled
    @ParameterizedTest
    @ValueSource(strings = {"--help", "import --help", "--version", "import a b", "inspect src/demo/ticker.qcow2"})
    void whatNeedsNoFrameworkLoadsNone(String line) throws Exception {
        List<String> command =
                OtherJvm.command(List.of("-verbose:class"), Stateferry.class, (Object[]) line.split(" "));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        List<String> output = process.inputReader().lines().toList();
        assertThat(process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();

        assertThat(output).anyMatch(text -> text.contains("picocli.CommandLine"));
        assertThat(output).noneMatch(text -> text.contains("org.springframework"));
        assertThat(output).noneMatch(text -> text.contains("tools.jackson"));
    }

    @ParameterizedTest
    @CsvSource({"INT, 130", "TERM, 143"})
    void aSignalEndsTheImportAndNotTheProcess(String signal, int expected) throws Exception {
        assumeItIsHeard(signal);
        Process process = java(Patient.class)
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader output =
                new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
            assertThat(output.readLine()).isEqualTo("importing");
            new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid()))
                    .start()
                    .waitFor();
            assertThat(output.readLine()).isEqualTo("stopping, interrupted: false");
            assertThat(process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }

        assertThat(process.exitValue()).isEqualTo(expected);
    }

    @Test
    void aQuestionIsAnsweredAndChangesNothing() throws Exception {
        Process process = java(Patient.class).start();
        try (BufferedReader output = process.inputReader();
                BufferedReader said = process.errorReader()) {
            assertThat(output.readLine()).isEqualTo("importing");
            String pid = String.valueOf(process.pid());
            for (int question = 0; question < 2; question++) {
                new ProcessBuilder("kill", "-USR1", pid).start().waitFor();
                assertThat(said.readLine())
                        .isEqualTo("stateferry: the import is in phase transfer, 1.0 MiB of 4.0 MiB (25 %)");
            }
            new ProcessBuilder("kill", "-TERM", pid).start().waitFor();
            assertThat(output.readLine()).isEqualTo("stopping, interrupted: false");
            assertThat(process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly();
        }
    }

    @Thorough
    @ParameterizedTest
    @ValueSource(strings = {"INT", "TERM"})
    void aSignalEndsTheServiceInGoodOrder(String signal) throws Exception {
        assumeItIsHeard(signal);
        Files.createDirectory(home.resolve("jobs"));
        Files.writeString(
                home.resolve("stateferry.properties"), "server.port=0\nstateferry.jobs=" + home.resolve("jobs"));
        Process process = java(Serving.class, home).start();
        try (BufferedReader said = process.errorReader()) {
            assertThat(said.readLine()).contains("the password of the user admin is", "shown only now");
            assertThat(said.readLine()).startsWith("stateferry: serving 0 definitions");
            new ProcessBuilder("kill", "-USR1", String.valueOf(process.pid()))
                    .start()
                    .waitFor();
            assertThat(said.readLine()).isEqualTo("stateferry: no import is running");
            new ProcessBuilder("kill", "-" + signal, String.valueOf(process.pid()))
                    .start()
                    .waitFor();
            assertThat(said.lines())
                    .containsExactly(
                            "stateferry: ending; a running import stops at its next safe point",
                            "stateferry: no import is running");
            assertThat(process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();
            assertThat(process.inputReader().lines()).isEmpty();
        } finally {
            process.destroyForcibly();
        }

        assertThat(process.exitValue()).isZero();
    }

    @Test
    void withoutASignalHandlerAllowedTheProgramStillRuns() throws Exception {
        Process process = new ProcessBuilder(OtherJvm.command(List.of("-Xrs"), Patient.class, "at once")).start();
        assertThat(process.waitFor(DEADLINE_SECONDS, TimeUnit.SECONDS)).isTrue();

        assertThat(process.exitValue()).isZero();
    }

    /** What a shell starts in the background ignores SIGINT, and so does all that it starts. */
    private static void assumeItIsHeard(String signal) throws IOException {
        Path status = Path.of("/proc/self/status");
        boolean ignored = signal.equals("INT")
                && Files.isReadable(status)
                && Files.readAllLines(status).stream()
                        .filter(line -> line.startsWith("SigIgn:"))
                        .anyMatch(line ->
                                (Long.parseUnsignedLong(line.substring(7).strip(), 16) & 1 << 1) != 0);
        assumeThat(ignored).as("SIGINT is ignored here").isFalse();
    }

    private static ProcessBuilder java(Class<?> program, Object... args) {
        return new ProcessBuilder(OtherJvm.command(program, args));
    }

    /** A program whose import goes on until it is asked to stop, or ends at once when told so. */
    static final class Patient {
        private Patient() {}

        public static void main(String[] args) {
            FakeInstallation installation = new FakeInstallation(Path.of("."), (request, progress, stop) -> {
                progress.stepStarted("transfer");
                progress.transferred(1 << 20, 4 << 20);
                System.out.println("importing");
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(DEADLINE_SECONDS);
                while (args.length == 0 && !stop.isRequested() && System.nanoTime() < end) {
                    LockSupport.parkNanos(1_000_000);
                }
                if (stop.isRequested()) {
                    System.out.println(
                            "stopping, interrupted: " + Thread.currentThread().isInterrupted());
                    throw StateferryException.of(FailureKind.INTERRUPTED, "stopped");
                }
                return FakeInstallation.imported(null);
            });
            System.exit(new Program(Console.ofProcess(), installation::at, new TerminationSignals(), System::nanoTime)
                    .run("import", "vm.dump", "vm.qcow2", "--name", "before", "--quiet"));
        }
    }

    /** A program that serves on a real repository; its imports would end at once. */
    static final class Serving {
        private Serving() {}

        public static void main(String[] args) {
            Installation.Locator installations = home -> new LocalInstallation(
                    StateferryHome.open(home),
                    List.of("serve"),
                    (at, repository) -> (request, progress, stop) -> FakeInstallation.imported(null));
            System.exit(new Program(Console.ofProcess(), installations, new TerminationSignals(), System::nanoTime)
                    .run("serve", "--home", args[0]));
        }
    }
}
