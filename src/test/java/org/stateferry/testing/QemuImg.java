package org.stateferry.testing;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** {@code qemu-img}, the judge of every image. Each call is a process of its own with a time limit. */
public final class QemuImg {
    private static final Duration LIMIT = Duration.ofMinutes(10);
    private static final int SECTOR = 512;
    /** Where the virtual size stands in a qcow2 header. */
    private static final int SIZE_IN_HEADER = 24;

    private static final JsonMapper JSON = JsonMapper.builder().build();

    private QemuImg() {}

    /**
     * What {@code qemu-img check} says.
     *
     * @param exitCode 0 clean, 1 not checked, 2 corruption, 3 leaks only
     * @param corruptions clusters with a refcount too low, or other errors of structure
     * @param leaks clusters with a refcount too high
     * @param checkErrors errors that kept the check from looking
     * @param imageEndOffset where the last cluster in use ends, in bytes
     * @param output all that was printed
     */
    public record CheckReport(
            int exitCode, long corruptions, long leaks, long checkErrors, long imageEndOffset, String output) {
        /** Neither error nor leak. */
        public boolean isClean() {
            return exitCode == 0 && corruptions == 0 && leaks == 0 && checkErrors == 0;
        }
    }

    /**
     * One line of an image's snapshot list.
     *
     * @param id the id QEMU gave it
     * @param name its name
     * @param vmStateSize bytes of vmstate, 0 for a snapshot of the disk alone
     */
    public record Snapshot(String id, String name, long vmStateSize) {}

    /** Runs {@code qemu-img} with any arguments and returns however it ended. */
    public static CommandResult run(String... arguments) {
        List<String> command = new ArrayList<>(List.of(NewestQemu.program("qemu-img")));
        command.addAll(List.of(arguments));
        return RunningCommand.run(LIMIT, command);
    }

    /**
     * Creates a qcow2 image with an empty disk of 1 MiB, encrypted with LUKS. QEMU measures how long the key's derivation takes, and
     * gives up where that is less than the system's clock can tell; that is luck, so it is tried again.
     *
     * @param key the passphrase
     */
    public static void createEncrypted(Path image, String key) {
        String[] arguments = {
            "create",
            "-q",
            "-f",
            "qcow2",
            "--object",
            "secret,id=k,data=" + key,
            "-o",
            "encrypt.format=luks,encrypt.key-secret=k,encrypt.iter-time=10",
            image.toString(),
            "1M"
        };
        CommandResult result = run(arguments);
        for (int again = 0; again < 20 && result.stderr().contains("Unable to get accurate CPU usage"); again++) {
            result = run(arguments);
        }
        result.requireSuccess();
    }

    /** Creates a qcow2 image; options as for {@code -o}, for example {@code compat=0.10}. */
    public static void create(Path image, String size, String... options) {
        List<String> arguments = withOptions(List.of("create", "-q", "-f", "qcow2"), options);
        arguments.add(image.toString());
        arguments.add(size);
        succeed(arguments);
    }

    /** Copies the active content of a qcow2 image into a new one with these options. */
    public static void convert(Path source, Path target, String... options) {
        convert(List.of("convert", "-O", "qcow2"), source, target, options);
    }

    /** As {@link #convert}, with compressed clusters. */
    public static void convertCompressed(Path source, Path target, String... options) {
        convert(List.of("convert", "-c", "-O", "qcow2"), source, target, options);
    }

    private static void convert(List<String> command, Path source, Path target, String... options) {
        List<String> arguments = withOptions(command, options);
        arguments.add(source.toString());
        arguments.add(target.toString());
        succeed(arguments);
    }

    /** Checks the structures of an image. */
    public static CheckReport check(Path image) {
        CommandResult result = run("check", "-f", "qcow2", "--output=json", image.toString());
        JsonNode json = result.stdout().isBlank() ? JSON.createObjectNode() : JSON.readTree(result.stdout());
        return new CheckReport(
                result.exitCode(),
                json.path("corruptions").asLong(0),
                json.path("leaks").asLong(0),
                json.path("check-errors").asLong(0),
                json.path("image-end-offset").asLong(0),
                result.toString());
    }

    /** What {@code qemu-img info} knows of an image. */
    public static JsonNode info(Path image) {
        return JSON.readTree(
                run("info", "--output=json", image.toString()).requireSuccess().stdout());
    }

    /** The internal snapshots, in the order of the snapshot table. */
    public static List<Snapshot> snapshots(Path image) {
        List<Snapshot> snapshots = new ArrayList<>();
        for (JsonNode node : info(image).path("snapshots")) {
            snapshots.add(new Snapshot(
                    node.path("id").asString(),
                    node.path("name").asString(),
                    node.path("vm-state-size").asLong()));
        }
        return snapshots;
    }

    /** The names of {@link #snapshots}. */
    public static List<String> snapshotNames(Path image) {
        return snapshots(image).stream().map(Snapshot::name).toList();
    }

    /** The printed table of {@code snapshot -l}. */
    public static String snapshotTable(Path image) {
        return run("snapshot", "-l", image.toString()).requireSuccess().stdout();
    }

    /** Makes a snapshot of the disk alone. */
    public static void createSnapshot(Path image, String name) {
        succeed(List.of("snapshot", "-c", name, image.toString()));
    }

    /** Reverts the active content to a snapshot. */
    public static void applySnapshot(Path image, String name) {
        succeed(List.of("snapshot", "-a", name, image.toString()));
    }

    /** Deletes a snapshot. */
    public static void deleteSnapshot(Path image, String name) {
        succeed(List.of("snapshot", "-d", name, image.toString()));
    }

    /** Whether the active contents of two qcow2 images are the same. */
    public static boolean haveSameContent(Path first, Path second) {
        return areSame(run("compare", "-q", "-f", "qcow2", "-F", "qcow2", first.toString(), second.toString()));
    }

    private static boolean areSame(CommandResult result) {
        if (result.exitCode() > 1) {
            throw new AssertionError(result);
        }
        return result.exitCode() == 0;
    }

    /**
     * Whether the vmstate that the <em>active</em> L1 table reaches, as after {@code snapshot -a}, is this file, byte for
     * byte. No command of QEMU compares a vmstate, so the virtual size in the image's header is raised until the vmstate is
     * a part of the disk: the image is of no other use afterwards.
     */
    public static boolean holdsVmState(Path image, Path dump) {
        long offset = vmStateOffset(image);
        long size = (RawBytes.size(dump) + SECTOR - 1) / SECTOR * SECTOR;
        RawBytes.writeU64(image, SIZE_IN_HEADER, offset + size);
        String vmState = "driver=raw,offset=" + offset + ",size=" + size
                + ",file.driver=qcow2,file.file.driver=file,file.file.filename=" + image;
        String file = "driver=raw,file.driver=file,file.filename=" + dump;
        return areSame(run("compare", "-q", "--image-opts", vmState, file));
    }

    /** The vmstate begins at the first guest offset past the disk that an L1 entry of its own leads to. */
    private static long vmStateOffset(Path image) {
        JsonNode info = info(image);
        long clusterSize = info.path("cluster-size").asLong();
        boolean extended = info.at("/format-specific/data/extended-l2").asBoolean(false);
        long bytesPerL1Entry = clusterSize * (clusterSize / (extended ? 16 : 8));
        long size = info.path("virtual-size").asLong();
        return (size + bytesPerL1Entry - 1) / bytesPerL1Entry * bytesPerL1Entry;
    }

    private static void succeed(List<String> arguments) {
        run(arguments.toArray(String[]::new)).requireSuccess();
    }

    private static List<String> withOptions(List<String> command, String... options) {
        List<String> arguments = new ArrayList<>(command);
        for (String option : options) {
            arguments.add("-o");
            arguments.add(option);
        }
        return arguments;
    }
}
