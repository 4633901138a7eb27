package org.stateferry.source;

import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Optional;
import org.stateferry.error.StateferryException;

/** Finds the name of the libvirt domain of a saved state, from the head of its file alone. */
public final class DomainName {
    private DomainName() {}

    /**
     * The domain's name, if the file is a libvirt save file and its XML has one. The file is opened read-only and closed again.
     *
     * @param monitor is asked whether the file may be opened
     * @throws StateferryException as {@link DumpInspection#inspect}
     */
    public static Optional<String> in(Path dump, OpenMonitor monitor) throws StateferryException {
        try (DumpFile file = DumpFile.open(dump, monitor)) {
            ByteBuffer start = file.read(0, (int) Math.min(file.size(), ForeignFormat.HEAD_SIZE));
            if (!LibvirtSaveHeader.isAt(start)) {
                return Optional.empty();
            }
            LibvirtSaveHeader header = LibvirtSaveHeader.parse(start, file.path(), file.size());
            byte[] xml =
                    file.read(LibvirtSaveHeader.SIZE, header.domainXmlSize()).array();
            return Optional.ofNullable(LibvirtDomain.parse(xml, file.path(), LibvirtSaveHeader.SIZE)
                    .name());
        }
    }
}
