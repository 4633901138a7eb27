package org.stateferry.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.stateferry.testing.ClusterContent;
import org.stateferry.testing.CommandResult;
import org.stateferry.testing.LibvirtSaveBuilder;
import org.stateferry.testing.MigrationStreamBuilder;
import org.stateferry.testing.Qcow2ImageBuilder;
import org.stateferry.testing.QemuImg;
import org.stateferry.testing.QemuTools;
import org.stateferry.testing.RunningCommand;
import org.stateferry.testing.TickerDump;

/**
 * What a failure tells to do next is done here, and then the command works. Imports are tried with {@code --dry-run}, which
 * makes all of their checks; what takes a real one, or QEMU, is in {@code NextStepsIT}.
 */
class NextStepsTest {
    private static final Pattern NEXT = Pattern.compile("(?m)^ *next: (.*)$");
    private static final byte[] STATE = ClusterContent.stream(70_000, 3);
    private static final int MIB = 1 << 20;

    @TempDir
    Path folder;

    private InThisJvm program;
    private Path dump;
    private Path image;

    @BeforeEach
    void write() throws IOException {
        program = new InThisJvm(folder.resolve("home"));
        dump = Files.write(
                folder.resolve("state.vmstate"), MigrationStreamBuilder.valid().build());
        image = folder.resolve("disk.qcow2");
        Qcow2ImageBuilder.version3(16, 4, 10 * MIB)
                .savevm("saved", STATE)
                .snapshot("disk only")
                .build()
                .saveTo(image);
    }

    private Path path(String name) {
        return folder.resolve(name);
    }

    private static String nextStep(int exitCode, CommandResult result) {
        assertThat(result.exitCode()).as(result.toString()).isEqualTo(exitCode);
        Matcher next = NEXT.matcher(result.stderr());
        assertThat(next.find()).as(result.toString()).isTrue();
        return next.group(1);
    }

    private CommandResult command(String... words) {
        return program.run(words);
    }

    private CommandResult dryRun(Path from, Path into, String name, String... options) {
        List<String> words =
                new ArrayList<>(List.of("import", from.toString(), into.toString(), "--name", name, "--dry-run"));
        words.addAll(Arrays.asList(options));
        return command(words.toArray(String[]::new));
    }

    private CommandResult export(String to, String name, String... options) {
        List<String> words = new ArrayList<>(List.of("export", image.toString(), to, "--name", name));
        words.addAll(Arrays.asList(options));
        return command(words.toArray(String[]::new));
    }

    private void shell(String line) {
        RunningCommand.run(Duration.ofSeconds(30), List.of("sh", "-c", "cd '" + folder + "' && " + line))
                .requireSuccess();
    }

    // The dump

    @ParameterizedTest
    @CsvSource({
        "--format, gzip, Leave out --format",
        "--format, libvirt, Leave out --format",
        "--ram-layout, mapped, leave RAM in the plain layout",
        "--drop-section, pbs-state, leave out --drop-section pbs-state",
        "--drop-section, ram, name another section",
        "--offset, 99999999, Give an --offset at which the saved state begins",
    })
    void anOptionThatDoesNotFitIsLeftOut(String option, String value, String next) {
        int exitCode = value.equals("ram") ? 2 : 10;
        assertThat(nextStep(exitCode, dryRun(dump, image, "next", option, value)))
                .startsWith(next);

        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void aSectionThatCanBeLeftOutIsNamed() {
        assertThat(nextStep(2, dryRun(dump, image, "next", "--drop-section", "ram")))
                .startsWith("name another section");

        dryRun(dump, image, "next", "--drop-section", "timer").requireSuccess();
    }

    @Test
    void aSaveFileIsNotGivenAsAPlainStream() throws IOException {
        Files.write(
                dump,
                LibvirtSaveBuilder.valid()
                        .payload(MigrationStreamBuilder.valid().build())
                        .build());
        assertThat(nextStep(10, dryRun(dump, image, "next", "--format", "plain")))
                .contains("Leave out --format");

        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void dumpAndImageAreGivenTheOtherWayRound() {
        assertThat(nextStep(10, dryRun(image, dump, "next"))).startsWith("give the dump first and the image after it");

        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void oneFileIsNotGivenTwice() {
        assertThat(nextStep(2, dryRun(image, image, "next"))).startsWith("Give the dump first and the qcow2 image");

        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void aFolderIsNoDump() {
        assertThat(nextStep(10, dryRun(folder, image, "next"))).isEqualTo("give the file that holds the saved state");

        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void whatNobodyLooksIntoStaysAsItIs() {
        assertThat(nextStep(10, dryRun(dump, image, "next", "--format", "opaque", "--ram-layout", "mapped")))
                .isEqualTo("leave out --ram-layout and --drop-section");

        dryRun(dump, image, "next", "--format", "opaque").requireSuccess();
    }

    @Test
    void whatNeedsTooMuchMemoryIsDecompressedFirst() throws IOException {
        // Of a block with little content no more of its dictionary is made than that.
        Files.delete(dump);
        TickerDump.inflated(Path.of("src/demo/ticker.vmstate"), dump, 3, 1);
        shell("xz -9 -k state.vmstate");
        assertThat(nextStep(10, dryRun(path("state.vmstate.xz"), image, "next")))
                .isEqualTo("Decompress it first (xz -d), and import the result.");

        shell("rm state.vmstate && xz -d state.vmstate.xz");
        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void anArchiveIsUnpackedFirst() {
        shell("tar -cf state.tar state.vmstate && rm state.vmstate");
        assertThat(nextStep(10, dryRun(path("state.tar"), image, "next"))).isEqualTo("unpack it first (tar -x)");

        shell("tar -xf state.tar");
        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void whatIsNoStreamIsLookedAtAsAFile() throws IOException {
        Path notes = Files.writeString(path("notes.txt"), "nothing of the kind");
        String next = nextStep(10, command("inspect", notes.toString(), "--sections"));
        assertThat(next).isEqualTo("stateferry inspect " + notes + " without further options shows what the file is.");

        command("inspect", image.toString()).requireSuccess();
    }

    // The image

    @ParameterizedTest
    @CsvSource({"saved, 'Choose another --name, or delete it'", "2, Choose another name."})
    void aNameThatIsTakenGivesWayToAnother(String name, String next) {
        assertThat(nextStep(12, dryRun(dump, image, name))).startsWith(next);

        dryRun(dump, image, "another").requireSuccess();
    }

    @Test
    void aNameThatIsTooLongIsMadeShorter() {
        assertThat(nextStep(12, dryRun(dump, image, "x".repeat(256)))).isEqualTo("Choose a shorter name.");

        dryRun(dump, image, "x".repeat(255)).requireSuccess();
    }

    @Test
    void aLinkThatLeadsNowhereIsFollowedByHandOrRemoved() throws IOException {
        Path link = Files.createSymbolicLink(path("carrier.qcow2"), path("elsewhere.qcow2"));
        assertThat(nextStep(12, dryRun(dump, link, "next", "--create", "0")))
                .isEqualTo("Give the path of the file itself, or remove the link.");

        dryRun(dump, path("elsewhere.qcow2"), "next", "--create", "0").requireSuccess();
        Files.delete(link);
        dryRun(dump, link, "next", "--create", "0").requireSuccess();
    }

    @Test
    void aFolderIsNoImage() {
        assertThat(nextStep(12, dryRun(dump, folder, "next")))
                .isEqualTo("Give the file or the device that the image lies on.");

        dryRun(dump, image, "next").requireSuccess();
    }

    @Test
    void anEncryptedImageIsCopiedWithItsKey() throws IOException {
        QemuTools.assumeAvailable();
        Files.writeString(path("key"), "secret");
        QemuImg.createEncrypted(path("locked.qcow2"), "secret");
        String next = nextStep(12, dryRun(dump, path("locked.qcow2"), "next"));
        assertThat(next).contains("qemu-img convert");

        shell(next.substring(next.indexOf("qemu-img"), next.length() - 1)
                .replace("KEYFILE", "key")
                .replace("IMAGE", "locked.qcow2")
                .replace("COPY", "copy.qcow2"));
        dryRun(dump, path("copy.qcow2"), "next").requireSuccess();
    }

    @Test
    void aDescriptionForLibvirtNeedsADomainAndAFileOfItsOwn() throws IOException {
        Path xml = Files.writeString(path("out.xml"), "mine");
        Path domain = Files.writeString(path("domain.xml"), LibvirtSaveBuilder.DOMAIN);
        assertThat(nextStep(
                        10,
                        dryRun(
                                dump,
                                image,
                                "next",
                                "--libvirt-xml",
                                path("new.xml").toString())))
                .startsWith("Give --libvirt-domain with the output of virsh dumpxml");
        assertThat(nextStep(
                        2,
                        dryRun(
                                Path.of("-"),
                                image,
                                "next",
                                "--libvirt-xml",
                                path("new.xml").toString())))
                .startsWith("Give --libvirt-domain with the output of virsh dumpxml");
        assertThat(nextStep(
                        12,
                        dryRun(
                                dump,
                                image,
                                "next",
                                "--libvirt-xml",
                                xml.toString(),
                                "--libvirt-domain",
                                domain.toString())))
                .isEqualTo("Choose another name for --libvirt-xml.");

        dryRun(dump, image, "next", "--libvirt-xml", path("new.xml").toString(), "--libvirt-domain", domain.toString())
                .requireSuccess();
    }

    // Snapshots and what is in them

    @ParameterizedTest
    @CsvSource({"verify, ''", "export, out", "inspect, ''"})
    void whatTheNextStepListsHasAState(String name, String out) {
        List<String> words = new ArrayList<>(List.of(name, image.toString()));
        if (!out.isEmpty()) {
            words.add(path(out).toString());
        }
        words.addAll(List.of("--name", "disk only"));
        if (name.equals("inspect")) {
            words.add("--sections");
        }
        String next = nextStep(12, command(words.toArray(String[]::new)));
        assertThat(next).isEqualTo("stateferry snapshot list " + image + " shows which have a state.");

        CommandResult list = command("snapshot", "list", image.toString()).requireSuccess();
        assertThat(list.stdout().lines().filter(line -> line.contains("saved")))
                .singleElement()
                .asString()
                .contains("68.4 KiB");
    }

    @ParameterizedTest
    @CsvSource({"verify", "export", "snapshot delete"})
    void whatIsThereIsInTheList(String name) {
        List<String> words = new ArrayList<>(List.of(name.split(" ")));
        words.add(image.toString());
        if (name.equals("export")) {
            words.add(path("out").toString());
        }
        words.addAll(name.startsWith("snapshot") ? List.of("monday") : List.of("--name", "monday"));
        String next = nextStep(12, command(words.toArray(String[]::new)));
        assertThat(next).isEqualTo("stateferry snapshot list " + image + " shows those that are there.");

        assertThat(command("snapshot", "list", image.toString())
                        .requireSuccess()
                        .stdout())
                .contains("saved", "disk only")
                .doesNotContain("monday");
    }

    @Test
    void aStateThatIsNoStreamIsExportedAsItIs() throws IOException {
        Qcow2ImageBuilder.version3(16, 4, MIB)
                .savevm("saved", new byte[] {1, 2, 3})
                .build()
                .saveTo(image);
        assertThat(nextStep(10, command("inspect", image.toString(), "--name", "saved", "--sections")))
                .endsWith("stateferry export writes it into a file.");

        export(path("out").toString(), "saved").requireSuccess();
        assertThat(path("out")).hasBinaryContent(new byte[] {1, 2, 3});
    }

    @Test
    void anExportGoesWhereItCan() throws IOException {
        Path there = Files.writeString(path("there"), "mine");
        assertThat(nextStep(12, export(image.toString(), "saved"))).isEqualTo("Choose another file.");
        assertThat(nextStep(12, export(there.toString(), "saved")))
                .isEqualTo("Choose another name, or add --force to replace it.");
        assertThat(nextStep(12, export(folder.toString(), "saved")))
                .isEqualTo("Choose another name, or give - and lead standard output there.");
        assertThat(nextStep(12, export("/", "saved"))).isEqualTo("Give the name of a file.");
        assertThat(nextStep(12, export(path("new/out").toString(), "saved"))).isEqualTo("Make it first.");

        export(there.toString(), "saved", "--force").requireSuccess();
        assertThat(there).hasBinaryContent(STATE);
        Files.createDirectory(path("new"));
        export(path("new/out").toString(), "saved").requireSuccess();
    }

    @Test
    void aSaveFileNeedsTheXmlOfADomain() throws IOException {
        Path xml = Files.writeString(path("guest.xml"), "<not-a-domain/>");
        assertThat(nextStep(
                        10,
                        export(path("guest.save").toString(), "saved", "--format", "libvirt", "--xml", xml.toString())))
                .startsWith("Give a file with the output of virsh dumpxml DOMAIN");

        Files.writeString(xml, LibvirtSaveBuilder.DOMAIN);
        export(path("guest.save").toString(), "saved", "--format", "libvirt", "--xml", xml.toString())
                .requireSuccess();
    }

    @Test
    void aNameThatAnotherSnapshotHasIsNotTaken() {
        assertThat(nextStep(12, command("snapshot", "rename", image.toString(), "saved", "disk only")))
                .isEqualTo("Choose another name.");

        command("snapshot", "rename", image.toString(), "saved", "monday").requireSuccess();
    }

    @Test
    void anIdIsSaidToBeOne() {
        assertThat(nextStep(12, command("snapshot", "delete", image.toString(), "2")))
                .isEqualTo("There is one with that id: add --id if you mean it.");

        command("snapshot", "delete", image.toString(), "2", "--id").requireSuccess();
    }

    // The home

    @Test
    void aHomeThatOthersMayWriteToIsClosed() throws IOException {
        Path home = Files.createDirectory(path("home"));
        Files.setPosixFilePermissions(home, PosixFilePermissions.fromString("rwxrwxrwx"));
        Matcher chmod = Pattern.compile("[(](chmod go-w .*)[)]").matcher(nextStep(78, command("history")));
        assertThat(chmod.find()).isTrue();

        shell(chmod.group(1));
        command("history").requireSuccess();
    }

    @Test
    void aDamagedInstallationIdIsRemoved() throws IOException {
        command("history").requireSuccess();
        Path id = path("home/installation-id");
        Files.writeString(id, "no UUID");
        CommandResult refused = command("import", dump.toString(), image.toString(), "--name", "next");
        assertThat(nextStep(15, refused)).startsWith("Remove the file; imports that were interrupted");

        Files.delete(id);
        assertThat(command("import", dump.toString(), image.toString(), "--name", "next")
                        .requireSuccess()
                        .stderr())
                .contains("imported as snapshot 3");
    }
}
