/** The images of an import: found, made, opened and locked, and what is taken back of them. */
@NullMarked
package org.stateferry.importer.image;

import org.jspecify.annotations.NullMarked;
