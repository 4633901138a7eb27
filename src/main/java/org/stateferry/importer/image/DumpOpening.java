package org.stateferry.importer.image;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.stateferry.error.StateferryException;
import org.stateferry.home.StopSignal;
import org.stateferry.host.LinuxFile;
import org.stateferry.importer.ImportOptions;
import org.stateferry.importer.ImportProgress;
import org.stateferry.importer.ImportRequest;
import org.stateferry.importer.Interruption;
import org.stateferry.source.DumpSource;
import org.stateferry.source.DumpSources;
import org.stateferry.source.OpenMonitor;
import org.stateferry.storage.OpenImages;

/**
 * Opens dumps such that a stop ends it and the operator hears why it takes long, and refuses files outside the
 * permitted folders.
 */
public record DumpOpening(ImportProgress progress, StopSignal stop, ImportRequest request) implements OpenMonitor {
    @Override
    public void found(LinuxFile file) throws StateferryException {
        request.roots().require(file, request.dump());
    }

    /** Opens the dump of an import. */
    public DumpSource open() throws StateferryException {
        ImportOptions options = request.options();
        return DumpSources.open(request.dump(), options.choice(), options.locking(), this);
    }

    /**
     * Keeps the dump from being opened as an image, unless it is one: then whoever opens it shares it.
     *
     * @throws StateferryException as {@link OpenImages#reserveDump}
     */
    public static OpenImages.DumpReservation reserve(ImportRequest request) throws StateferryException {
        return request.options().choice().fromSnapshot() == null ? OpenImages.reserveDump(request.dump()) : () -> {};
    }

    @Override
    public void requireNotStopped() throws StateferryException {
        Interruption.requireNone(stop);
    }

    /** Where the image lies, if it is a file: there has to be room for the state anyway. */
    @Override
    public Path unpackFolder() {
        Path image = request.image().toAbsolutePath();
        return Files.exists(image) && !Files.isRegularFile(image)
                ? OpenMonitor.super.unpackFolder()
                : Objects.requireNonNull(image.getParent(), "a file has a folder");
    }

    @Override
    public void notice(String line) {
        progress.notice(line);
    }
}
