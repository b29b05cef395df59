/**
 * How many times longer than on a quick machine tests wait for something before they give it up. Where nothing goes wrong it
 * changes nothing.
 */
export const patience = Number(process.env.BERTH_TEST_PATIENCE ?? 1);
