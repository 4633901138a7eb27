/** What the steps of an import do, without the framework that runs them: checks, plan, transfer, publication, dry run. */
@NullMarked
package org.stateferry.importer.step;

import org.jspecify.annotations.NullMarked;
