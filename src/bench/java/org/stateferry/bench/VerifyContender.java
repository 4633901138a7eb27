package org.stateferry.bench;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The comparison of an imported state with its dump, beside that of two plain files. */
final class VerifyContender implements Contender {
    static final String VERIFY = "verify --against, whole process";
    static final String CMP = "cmp";

    private final ImportContender importing;
    private final Path launcher;

    VerifyContender(ImportContender importing, Path launcher) {
        this.importing = importing;
        this.launcher = launcher;
    }

    @Override
    public String description() {
        return "stateferry verify --against of a cached image, checks included; cmp of the dump with a cached copy";
    }

    @Override
    public Optional<String> obstacle(BenchStream stream) {
        return Optional.empty();
    }

    @Override
    public List<Timing> run(BenchStream stream, Path folder) throws IOException {
        importing.importInto(folder, stream.path(), "auto");
        String dump = stream.path().toString();
        String copy = folder.resolve("copy").toString();
        Commands.run("cp", "--reflink=never", dump, copy);
        Commands.run("sync");
        String image = folder.resolve("disk.qcow2").toString();
        double verified = Commands.run(launcher.toString(), "verify", image, "--name", "bench", "--against", dump)
                .seconds();
        return List.of(
                new Timing(VERIFY, verified),
                new Timing(CMP, Commands.run("cmp", dump, copy).seconds()));
    }
}
