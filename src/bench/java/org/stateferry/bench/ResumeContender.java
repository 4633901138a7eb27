package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.stateferry.testing.QemuVm;

/** The time until a guest is back: an import, then a QEMU that loads the snapshot. */
final class ResumeContender implements Contender {
    private final ImportContender importing;
    private final ImportContender.Mode mode;
    private final String cache;

    /** @param cache how the QEMU opens the disk, one of {@link SavevmContender}'s */
    ResumeContender(ImportContender importing, ImportContender.Mode mode, String cache) {
        this.importing = importing;
        this.mode = mode;
        this.cache = cache;
    }

    static String row(ImportContender.Mode mode, String cache) {
        return "import " + mode + " + -loadvm, " + cache;
    }

    @Override
    public String description() {
        return importing.description() + "; then qemu-system-x86_64 -accel tcg -loadvm, " + cache;
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return stream.machine().isEmpty() ? Optional.of("QEMU is not installed") : Optional.empty();
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException {
        double imported = importing.importInto(folder, stream.path(), "auto").process();
        List<String> arguments = new ArrayList<>(stream.machine());
        arguments.addAll(List.of("-drive", "if=ide,format=qcow2,file=" + folder.resolve("disk.qcow2") + "," + cache));
        arguments.addAll(List.of("-loadvm", "bench"));
        long start = System.nanoTime();
        double loaded;
        // The monitor answers when the state is loaded.
        try (QemuVm vm = QemuVm.start(folder, arguments)) {
            vm.status();
            loaded = Commands.secondsSince(start);
            vm.quit();
        }
        return List.of(
                new Timing(row(mode, cache), imported + loaded),
                new Timing("  of this, start and load (" + mode + ", " + cache + ")", loaded));
    }
}
