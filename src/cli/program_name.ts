/** Name of the program, as it is installed. */
export const PROGRAM = "rnbd-appliance";
