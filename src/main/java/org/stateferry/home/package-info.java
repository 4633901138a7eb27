/** The home directory: its files, who owns it, and who asks for an end. */
@NullMarked
package org.stateferry.home;

import org.jspecify.annotations.NullMarked;
