package org.stateferry.service;

import java.nio.file.Path;
import java.time.Instant;
import org.stateferry.error.FailureKind;
import org.stateferry.error.StateferryException;
import org.stateferry.host.LinuxFile;
import org.stateferry.importer.FileRoots;
import org.stateferry.source.DomainName;
import org.stateferry.source.OpenMonitor;

/**
 * The facts about a dump that name templates can use.
 *
 * @param path the dump
 * @param modified when it was last modified
 * @param roots where it must lie
 */
record DumpFacts(Path path, Instant modified, FileRoots roots) {
    /** The name of its file. */
    String file() {
        return path.getFileName().toString();
    }

    /** The name of its file without its last suffix. */
    String stem() {
        String file = file();
        int dot = file.lastIndexOf('.');
        return dot > 0 ? file.substring(0, dot) : file;
    }

    /**
     * The name of the libvirt domain, which is read from the dump's head.
     *
     * @throws StateferryException of kind {@link FailureKind#DUMP_UNFIT} if the dump does not tell; as {@link DomainName#in}
     */
    String domain() throws StateferryException {
        return DomainName.in(path, new OpenMonitor() {
                    @Override
                    public void found(LinuxFile file) throws StateferryException {
                        roots.require(file, path);
                    }
                })
                .orElseThrow(() -> StateferryException.in(
                                FailureKind.DUMP_UNFIT,
                                path,
                                "does not tell a libvirt domain, which its name is made of")
                        .advise("Use {file} or {stem} in the definition instead of {domain}."));
    }
}
