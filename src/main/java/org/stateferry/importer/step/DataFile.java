package org.stateferry.importer.step;

import org.stateferry.storage.ImageFile;
import org.stateferry.storage.IoMode;

/**
 * The file to write the vmstate's data through.
 *
 * @param file as the import is to see it
 * @param mode any but {@link IoMode#AUTO}
 * @param alignment in bytes, which the memory that is written must have
 * @param systemMayCopy whether the dump's bytes go into the image as they are, so that the system may copy them
 */
public record DataFile(ImageFile file, IoMode mode, int alignment, boolean systemMayCopy) {}
