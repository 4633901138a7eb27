/** The home: what lies where in it, who owns its job repository, and who has asked for an import to stop. */
@NullMarked
package org.stateferry.home;

import org.jspecify.annotations.NullMarked;
