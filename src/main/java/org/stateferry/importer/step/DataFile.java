package org.stateferry.importer.step;

import org.stateferry.qcow2.VmStateWriter.BlockSharing;
import org.stateferry.storage.ImageFile;
import org.stateferry.storage.IoMode;

/**
 * The file to write data through.
 *
 * @param file as the import is to see it
 * @param mode any but {@link IoMode#AUTO}
 * @param alignment in bytes, which the memory that is written must have
 * @param sharing what is tried before anything is written
 */
public record DataFile(ImageFile file, IoMode mode, int alignment, BlockSharing sharing) {}
