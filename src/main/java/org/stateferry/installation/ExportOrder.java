package org.stateferry.installation;

import org.jspecify.annotations.Nullable;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.exporter.Compression;
import org.stateferry.exporter.ExportRequest;
import org.stateferry.exporter.ExportRequest.Container;
import org.stateferry.snapshot.SnapshotSelection;
import org.stateferry.source.RamLayout;

/**
 * An export as a service is asked for it, in JSON; the names are those of the command's options. What is left out is as on the
 * command line.
 *
 * @param image the image's absolute path
 * @param name the snapshot's name, or its id
 * @param id whether {@code name} is an id
 * @param out the absolute path of the file to make
 * @param format {@code stream}, {@code mapped-ram} or {@code libvirt}; left out, the state is written as it was put in
 * @param like with {@code libvirt}, the absolute path of a save file whose domain is taken
 * @param xml with {@code libvirt}, the absolute path of a file with the domain
 * @param compress {@code gzip}, {@code zstd}, {@code xz} or {@code none}
 * @param force whether a file that is there is replaced
 */
public record ExportOrder(
        @Nullable String image,
        @Nullable String name,
        @Nullable Boolean id,
        @Nullable String out,
        @Nullable String format,
        @Nullable String like,
        @Nullable String xml,
        @Nullable String compress,
        @Nullable Boolean force) {
    private static final String MAPPED_RAM = "mapped-ram";
    private static final String LIBVIRT = "libvirt";

    /**
     * The request.
     *
     * @throws StateferryException of kind {@link FailureKind#USAGE} that names the field that is missing or wrong
     */
    public ExportRequest toRequest() throws StateferryException {
        if (name == null || name.isEmpty()) {
            throw ImportOrder.wrong("name", "is missing");
        }
        Compression compression = ImportOrder.constant(Compression.class, "compress", compress, Compression.NONE);
        if (MAPPED_RAM.equals(format) && compression != Compression.NONE) {
            throw ImportOrder.wrong("compress", "does not go with a mapped-ram file, which QEMU reads from anywhere");
        }
        return new ExportRequest(
                ImportOrder.path("image", image),
                SnapshotSelection.one(name, id != null && id),
                ImportOrder.path("out", out),
                force != null && force,
                layout(),
                container(),
                compression);
    }

    private @Nullable RamLayout layout() throws StateferryException {
        if (format == null) {
            return null;
        }
        return switch (format) {
            case "stream", LIBVIRT -> RamLayout.PLAIN;
            case MAPPED_RAM -> RamLayout.MAPPED;
            default -> throw ImportOrder.wrong("format", "cannot be '" + format + "'");
        };
    }

    private Container container() throws StateferryException {
        boolean libvirt = LIBVIRT.equals(format);
        if (libvirt ? (like == null) == (xml == null) : like != null || xml != null) {
            throw ImportOrder.wrong("like", "or 'xml' goes with the format libvirt, one of them");
        }
        if (!libvirt) {
            return new Container.Stream();
        }
        return like != null
                ? new Container.LibvirtLike(ImportOrder.path("like", like))
                : new Container.LibvirtDomain(ImportOrder.path("xml", xml));
    }
}
