package org.stateferry.e2e;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RawBytes;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.Thorough;

/** Root's imports beside a local user without rights, who has prepared what they find. */
class SharedFolderIT {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int CONFLICT = 12;
    private static final int CONFIGURATION = 78;
    private static final int STICKY_FOR_ALL = 01777;

    @TempDir
    Path directory;

    private Scene scene;
    private Path shared;

    @BeforeEach
    void prepareAFolderForAll() throws IOException {
        scene = Scene.withoutQemu(directory);
        assumeTrue(Files.getAttribute(directory, "unix:uid").equals(0), "only root can act as another user");
        assumeTrue(QemuTools.isOnPath("setpriv"), "setpriv is not installed");
        chmod(directory, "rwxr-xr-x");
        chmod(scene.dump(), "rw-------");
        shared = Files.createDirectory(scene.path("shared"));
        Files.setAttribute(shared, "unix:mode", STICKY_FOR_ALL);
    }

    private static void chmod(Path path, String permissions) throws IOException {
        Files.setPosixFilePermissions(path, PosixFilePermissions.fromString(permissions));
    }

    private static String mode(Path path) throws IOException {
        return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
    }

    /** Runs a line of shell in the shared folder as a user without rights. */
    private void asNobody(String line) {
        RunningCommand.run(
                        LIMIT,
                        List.of(
                                "setpriv",
                                "--reuid=65534",
                                "--regid=65534",
                                "--clear-groups",
                                "/bin/sh",
                                "-c",
                                "cd '" + shared + "' && " + line))
                .requireSuccess();
    }

    /** Runs the program as a user does who lets everybody change what he makes. */
    private CommandResult withOpenUmask(String... arguments) {
        List<String> command = new ArrayList<>(List.of(
                "/bin/sh",
                "-c",
                "umask 000 && STATEFERRY_HOME='" + scene.home() + "' exec \"$0\" \"$@\"",
                Path.of(System.getProperty("stateferry.launcher", "target/stateferry"))
                        .toAbsolutePath()
                        .toString()));
        command.addAll(Arrays.asList(arguments));
        return RunningCommand.run(LIMIT, command);
    }

    private CommandResult create(Path image) {
        return scene.launcher().importDump(scene.dump(), image, "saved", "--create", "0");
    }

    @Thorough
    @Test
    void anOpenUmaskOpensNeitherTheImageNorTheHome() throws IOException {
        Path image = shared.resolve("carrier.qcow2");

        withOpenUmask("import", scene.dump().toString(), image.toString(), "--name", "saved", "--create", "0")
                .requireSuccess();

        assertThat(mode(image)).isEqualTo("rw-------");
        try (Stream<Path> files = Files.walk(scene.home())) {
            assertThat(files)
                    .hasSizeGreaterThan(5)
                    .allSatisfy(file -> assertThat(mode(file))
                            .as(file.toString())
                            .isEqualTo(Files.isDirectory(file) ? "rwx------" : "rw-------"));
        }
    }

    @Thorough
    @Test
    void aPartThatNobodyHasPreparedIsNamedAndNotTouched() throws IOException {
        Path image = shared.resolve("carrier.qcow2");
        create(image).requireSuccess();
        Path layout = Files.copy(image, shared.resolve("layout"));
        chmod(layout, "rw-r--r--");
        Path part = shared.resolve(".new.qcow2.stateferry-part");
        for (String planting : List.of("cp layout " + part, "mkfifo " + part, "ln -s layout " + part)) {
            asNobody(planting);

            CommandResult result = create(shared.resolve("new.qcow2"));

            Judge.assertRefused(result, CONFLICT);
            assertThat(result.stderr())
                    .contains(part + ": the file under the name for the unfinished part is not ours: ");
            assertThat(shared.resolve("new.qcow2")).doesNotExist();
            Files.delete(part);
        }
        assertThat(RawBytes.sha256(layout)).isEqualTo(RawBytes.sha256(image));
    }

    @Test
    void aHomeThatNobodyHasPreparedIsNamedAndNotObeyed() throws IOException {
        Path home = Files.createDirectory(scene.home());
        chmod(home, "rwxrwxrwx");
        Path victim = Files.writeString(scene.path("victim"), "victim");
        asNobody("cd ../home && ln -s ../victim owner.tmp && ln -s ../victim status.json.tmp && mkdir log"
                + " && ln -s ../../victim log/stateferry.log"
                + " && echo \"spring.datasource.url=jdbc:h2:mem:x;INIT=SCRIPT TO '../ran'\" > stateferry.properties");

        for (String[] command : new String[][] {{"history"}, {"serve"}, {"abandon", "1"}}) {
            CommandResult result = scene.launcher().run(command);
            Judge.assertRefused(result, CONFIGURATION);
            assertThat(result.stderr()).contains(home + ": may be written to by everybody (mode 777)");
        }
        chmod(home, "rwx------");
        Judge.assertRefused(scene.launcher().run("history"), CONFIGURATION);

        assertThat(victim).hasContent("victim");
        try (Stream<Path> files = Files.list(home)) {
            assertThat(files.map(file -> file.getFileName().toString()))
                    .containsExactlyInAnyOrder("owner.tmp", "status.json.tmp", "log", "stateferry.properties");
        }
    }

    @Thorough
    @Test
    void anImageIsGivenToWhomItIsFor() throws IOException {
        Path image = shared.resolve("carrier.qcow2");

        scene.launcher()
                .importDump(scene.dump(), image, "saved", "--create", "0", "--mode", "0640", "--owner", "65534:65534")
                .requireSuccess();

        assertThat(mode(image)).isEqualTo("rw-r-----");
        assertThat(Files.getAttribute(image, "unix:uid")).isEqualTo(65534);
        asNobody("test -w carrier.qcow2");
    }
}
