/** What an import is: the request, its identity, its progress and its outcome. No framework is known here. */
@NullMarked
package org.stateferry.importer;

import org.jspecify.annotations.NullMarked;
