package org.stateferry.exporter;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.stateferry.error.StateferryException;
import org.stateferry.importer.FileRoots;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.source.RamLayout;

/**
 * What is to be exported, and into what.
 *
 * @param image the image
 * @param snapshot the one snapshot
 * @param out the file that is made; null for standard output
 * @param replaces whether a file that is there is replaced
 * @param layout the layout of RAM, or null for the one that it has in the image
 * @param container what the state is put into
 * @param compression how the state is compressed
 * @param roots where all these files must lie when they are opened
 */
public record ExportRequest(
        Path image,
        SnapshotSelection snapshot,
        @Nullable Path out,
        boolean replaces,
        @Nullable RamLayout layout,
        Container container,
        Compression compression,
        FileRoots roots) {

    /** Of files that may lie anywhere. */
    public ExportRequest(
            Path image,
            SnapshotSelection snapshot,
            @Nullable Path out,
            boolean replaces,
            @Nullable RamLayout layout,
            Container container,
            Compression compression) {
        this(image, snapshot, out, replaces, layout, container, compression, FileRoots.ANYWHERE);
    }

    /**
     * The same with all its paths resolved, of files that must lie in some folders, now and when they are opened.
     *
     * @throws StateferryException of kind {@link org.stateferry.error.FailureKind#USAGE} if one of them lies elsewhere
     */
    public ExportRequest confinedTo(FileRoots somewhere) throws StateferryException {
        Container confined = container;
        if (container instanceof Container.LibvirtLike like) {
            confined = new Container.LibvirtLike(somewhere.confine(like.saveFile()));
        } else if (container instanceof Container.LibvirtDomain domain) {
            confined = new Container.LibvirtDomain(somewhere.confine(domain.xmlFile()));
        }
        return new ExportRequest(
                somewhere.confine(image),
                snapshot,
                out == null ? null : somewhere.confine(out),
                replaces,
                layout,
                confined,
                compression,
                somewhere);
    }

    /** What a state is put into. */
    public sealed interface Container {
        /** Nothing: the migration stream stands alone. */
        record Stream() implements Container {}

        /**
         * A libvirt save file with the domain of another one.
         *
         * @param saveFile the other one
         */
        record LibvirtLike(Path saveFile) implements Container {}

        /**
         * A libvirt save file.
         *
         * @param xmlFile the domain
         */
        record LibvirtDomain(Path xmlFile) implements Container {}
    }
}
