package org.stateferry.importer.image;

import org.stateferry.source.DumpSource;
import org.stateferry.storage.FileNames;
import org.stateferry.storage.ImageFile;

/**
 * What lies between an import and the files it has opened: in production nothing. A test puts files there that fail at a
 * chosen call.
 */
public interface FileAccess {
    /** The files themselves. */
    FileAccess PLAIN = new FileAccess() {};

    /** The image's file, cached or direct, as the import is to see it. */
    default ImageFile image(ImageFile opened) {
        return opened;
    }

    /** What a new image's names are made and removed by. */
    default FileNames names() {
        return FileNames.SYSTEM;
    }

    /** The dump as the import is to see it. */
    default DumpSource dump(DumpSource opened) {
        return opened;
    }
}
