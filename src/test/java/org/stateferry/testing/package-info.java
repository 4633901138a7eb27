/** Support for tests: builders of valid and spoiled files. */
@NullMarked
package org.stateferry.testing;

import org.jspecify.annotations.NullMarked;
